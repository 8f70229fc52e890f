export class Emitter{#t=new Map;on(t,e){let c=this.#t.get(t);return c||this.#t.set(t,c=new Set),c.add(e),()=>c.delete(e)
}emit(t,e){const c=this.#t.get(t);if(!c?.size)return!1;for(const t of[...c])try{t(e)}catch(t){queueMicrotask(()=>{
throw t})}return!0}}
