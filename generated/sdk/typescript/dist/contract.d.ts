/** The contract as data, generated from the documents. */
/** A frame, decoded. */
export type Frame = Record<string, any>;
/** Field names, from the outermost in. */
export type Path = readonly string[];
/** A kind of frame that the server sends: what tells it from the others. */
export interface Kind {
    readonly name: string;
    readonly constants: Readonly<Record<string, unknown>>;
    readonly required: readonly string[];
}
/** A reply that refuses a command, and where in it the code and the message are. */
export interface Refusal {
    readonly code?: Path;
    readonly text?: Path;
    /** Whether the server sends it of its own accord, too. */
    readonly unasked?: boolean;
}
/** Matches frames of one kind with given values. */
export interface Match {
    readonly kind: string;
    readonly where: readonly (readonly [Path, unknown])[];
    /** Where the number of missing events is. */
    readonly count?: Path;
}
/** Events that a command starts. */
export interface Stream {
    readonly key: string;
    readonly event: string;
    readonly replies: readonly string[];
    /** Fields of the command that are not sent again after a reconnect. */
    readonly once: readonly string[];
    readonly ended?: Match;
    readonly dropped?: Match;
}
/** Where the API key is sent. */
export interface Credential {
    readonly place: "header" | "query";
    readonly name: string;
    readonly prefix: string;
}
/** The WebSocket side. */
export interface Contract {
    /** The package, in what is logged. */
    readonly name: string;
    /** The path of the handshake. */
    readonly address: string;
    /** A kind that asks more comes before one that asks less. */
    readonly kinds: readonly Kind[];
    readonly refusals: Readonly<Record<string, Refusal>>;
    /** The field that a reply repeats. Without one, replies come in the order of the commands. */
    readonly correlation?: {
        readonly path: Path;
        readonly kind: "text" | "uuid" | "integer";
    };
    /** The command that probes the server. */
    readonly probe?: {
        readonly frame: Frame;
        readonly replies: readonly string[];
    };
}
/** The value at `path` in `frame`; undefined if there is none. */
export declare function at(frame: unknown, path: Path): any;
/** Put `value` at `path` into `frame`. */
export declare function put(frame: Frame, path: Path, value: unknown): void;
/** `object`, or undefined if nothing is in it. */
export declare function some<T extends object>(object: T): T | undefined;
/** Add the key to the headers or the query. */
export declare function sign(credential: Credential | undefined, apiKey: string | undefined, headers: Frame, query: URLSearchParams): void;
/** `url` with what is in `query`. */
export declare function asked(url: string, query: URLSearchParams): string;
/** A new random UUID (RFC 9562, version 4). `crypto.randomUUID` is missing in pages that came over plain HTTP. */
export declare function uuid(): string;
