/** Milliseconds after which it is looked again whether anything new was read. */
const PAUSE = 10;

/** So many looks in succession that see nothing new: what had arrived counts as read. The event loop reads before each, however late it is. */
const QUIET = 5;

/** So many looks at most: a server that never stops sending puts nothing off by more than a second. */
const LOOKS = 100;

/**
 * Call `act` after `ms`, but only once what has arrived until then is read; returns what cancels it.
 *
 * A timer that is overdue, as all are when the process was stopped or the machine slept, is called before the answer is read
 * that came meanwhile. `heard` returns another value whenever something was read.
 */
export function deadline(ms: number, heard: () => unknown, act: () => unknown): () => void {
  let left = LOOKS;
  let quiet = 0;
  let before: unknown;
  const look = (): unknown => {
    const now = heard();
    quiet = now === before ? quiet + 1 : 0;
    before = now;
    return quiet > QUIET || !left-- ? act() : (timer = setTimeout(look, PAUSE));
  };
  let timer = setTimeout(look, ms);
  return () => clearTimeout(timer);
}
