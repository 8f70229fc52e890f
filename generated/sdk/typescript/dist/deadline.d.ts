/**
 * Call `act` after `ms`, but only once what has arrived until then is read; returns what cancels it.
 *
 * A timer that is overdue, as all are when the process was stopped or the machine slept, is called before the answer is read
 * that came meanwhile. `heard` returns another value whenever something was read.
 */
export declare function deadline(ms: number, heard: () => unknown, act: () => unknown): () => void;
