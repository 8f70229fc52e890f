export class Emitter{#a=new Map();on(a,b){let c=this.#a.get(a);if(!c)this.#a.set(a,(c=new Set()));c.add(b);return()=>c.delete(b)}
emit(a,d){const c=this.#a.get(a);if(!c?.size)return false;for(const b of[...c]){try{b(d)}
catch(e){queueMicrotask(()=>{throw e})}
}
return true}
}
