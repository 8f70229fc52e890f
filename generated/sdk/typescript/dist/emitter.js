export class Emitter {
#callbacks = new Map();
on(name, callback) {
let callbacks = this.#callbacks.get(name);
if (!callbacks)
this.#callbacks.set(name, (callbacks = new Set()));
callbacks.add(callback);
return () => callbacks.delete(callback);
}
emit(name, value) {
const callbacks = this.#callbacks.get(name);
if (!callbacks?.size)
return false;
for (const callback of [...callbacks]) {
try {
callback(value);
}
catch (error) {
queueMicrotask(() => {
throw error;
});
}
}
return true;
}
}
