import{deadline}from"./deadline.js";import{ClientError,ConnectError}from"./errors.js";const a=5_000;const b=300_000;export class Connection{state="closed";#a;#b;#c;heard=0;#d=0;#e=0;#f=0;#g=0;#h=0;#i;#j;#k="";#l;constructor(c,d){this.#a=c;this.#b=d}
async connect(){if(this.state!=="closed")throw new ClientError(`connect() was called before; the client is ${this.state}`);const e=++this.#d;this.#e=0;this.#m("connecting","connect() was called");try{await this.#n()}
catch(error){if(e===this.#d)this.#m("closed",error.message);throw error}
}
send(f){this.#c?.send(f)}
restart(reason){this.#l?.(reason)}
async close(){const g=this.#c;const h=this.state==="connected";this.#d++;clearTimeout(this.#i);clearTimeout(this.#j);if(this.state!=="closed")this.#m("closed","close() was called");if(!g)return;if(!h)return this.#l?.("close() was called");this.#c=undefined;await new Promise((i)=>{const j=deadline(this.#a.timeout,()=>0,()=>{g.terminate?.();i()});g.onclose=()=>(j(),i());g.onmessage=null;g.close(1000)})}
#n(){const{timeout}=this.#a;return new Promise((i,k)=>{let opened=false;let l="";this.#g=0;const g=this.#o((m)=>(this.#g=retryAfter(m)));this.#c=g;const n=(reason,code=0)=>{if(this.#c!==g)return;j();clearTimeout(this.#j);this.#c=undefined;g.onopen=g.onmessage=g.onclose=null;g.close();g.terminate?.();if(opened)this.#p(reason,code);else
k(new ConnectError(`cannot connect to ${this.#a.url}: ${reason}${this.#k}`))};const j=deadline(timeout,()=>0,()=>n(`no answer in ${timeout} ms`));this.#l=n;g.onerror=(o)=>(l=o?.error?.message||o?.message||l);g.onclose=({code,reason})=>n(l||`closed with ${code}${reason&&` ${reason}`}`,code);g.onmessage=({data})=>{this.#h=performance.now();this.heard++;if(this.#c===g)this.#b.received(data)};g.onopen=()=>{j();opened=true;this.#g=0;this.heard++;this.#h=this.#f=performance.now();this.#m("connected","the connection is open");this.#q();this.#b.opened();i()}})}
#o(p){const{url,headers,WebSocket}=this.#a;const q=Object.keys(headers);let r;const dispatcher=WebSocket===globalThis.WebSocket&&w((s)=>(r=s),p);const c={...(q.length&&{headers}),...(dispatcher&&{dispatcher})};let g;try{if(Object.keys(c).length)g=new WebSocket(url,c)}
catch{this.#k=`; the WebSocket of this platform cannot send ${q.join(", ")}`}
g??=new WebSocket(url);g.terminate??=()=>r?.destroy();return g}
#p(reason,code){const e=this.#d;if(performance.now()-this.#f>=Math.min(a,this.#a.backoffCap))this.#e=0;this.#b.broken(reason,code);this.#r(e,reason)}
#r(e,reason){if(e!==this.#d)return;const delay=this.#g+pause(this.#a,this.#e++);this.#i=setTimeout(()=>this.#n().catch((error)=>this.#r(e,error.message)),delay);this.#m("reconnecting",reason,this.#e,delay)}
#q(){const{silence}=this.#a;const{probe}=this.#b;const g=this.#c;if(!silence||!probe||!g)return;const n=()=>this.#c===g&&this.restart(`the server was silent for ${silence} ms and did not answer`);this.#j=setTimeout(async()=>{if(performance.now()-this.#h>=silence)await probe().catch(n);if(this.#c===g)this.#q()},Math.max(this.#h+silence-performance.now(),1))}
#m(state,reason,attempt=0,delay=0){this.state=state;this.#b.changed({state,reason,attempt,delay})}
}
export function pause({backoffBase,backoffCap},t){return Math.random()*Math.min(backoffCap,backoffBase*2**t)}
export function retryAfter(m){const u=m("retry-after")??"";const v=/^\d+$/.test(u)?+u*1000:Date.parse(u)-(Date.parse(m("date")??"")||Date.now());return Math.min(Math.max(v||0,0),b)}
function w(s,p){const x=globalThis[Symbol.for("undici.globalDispatcher.1")];if(!x)return undefined;const dispatch=(c,y)=>{for(const F of["onUpgrade","onRequestUpgrade","onHeaders","onResponseStart"]){const z=y[F];if(!z)continue;y[F]=(...A)=>{s(A.find((B)=>typeof B?.destroy==="function"));const m=A.slice(1).find((B)=>typeof B==="object");const C=(Array.isArray(m)?m:Object.entries(m).flat()).map(String);p((D)=>C[C.findIndex((E)=>E.toLowerCase()===D)+1]);return z.apply(y,A)}}
return x.dispatch(c,y)};return{dispatch}}
