/** Callbacks by the name of what they wait for. `Events` maps each name to what its callbacks are given. */
export class Emitter<Events> {
  readonly #callbacks = new Map<keyof Events, Set<(value: never) => void>>();

  /** Call `callback` for each `name` from now on; returns a function that ends this. */
  on<Name extends keyof Events>(name: Name, callback: (value: Events[Name]) => void): () => void {
    let callbacks = this.#callbacks.get(name);
    if (!callbacks) this.#callbacks.set(name, (callbacks = new Set()));
    callbacks.add(callback);
    return () => callbacks.delete(callback);
  }

  /** Hand `value` to the callbacks for `name`; returns whether there are any. */
  emit<Name extends keyof Events>(name: Name, value: Events[Name]): boolean {
    const callbacks = this.#callbacks.get(name);
    if (!callbacks?.size) return false;
    for (const callback of [...callbacks]) {
      try {
        callback(value as never);
      } catch (error) {
        // The caller's mistake is shown as any uncaught error, and what comes next is still handed out.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
    return true;
  }
}
