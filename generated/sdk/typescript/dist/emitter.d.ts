/** Callbacks by the name of what they wait for. `Events` maps each name to what its callbacks are given. */
export declare class Emitter<Events> {
    #private;
    /** Call `callback` for each `name` from now on; returns a function that ends this. */
    on<Name extends keyof Events>(name: Name, callback: (value: Events[Name]) => void): () => void;
    /** Hand `value` to the callbacks for `name`; returns whether there are any. */
    emit<Name extends keyof Events>(name: Name, value: Events[Name]): boolean;
}
