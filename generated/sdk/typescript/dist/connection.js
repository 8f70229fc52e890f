import{deadline as t}from"./deadline.js";import{ClientError as e,ConnectError as s}from"./errors.js"
;export class Connection{state="closed";#t;#e;#s;heard=0;#n=0;#o=0;#i=0;#a=0;#r=0;#c;#h;#d="";#l;constructor(t,e){
this.#t=t,this.#e=e}async connect(){
if("closed"!==this.state)throw new e(`connect() was called before; the client is ${this.state}`);const t=++this.#n
;this.#o=0,this.#p("connecting","connect() was called");try{await this.#m()}catch(e){
throw t===this.#n&&this.#p("closed",e.message),e}}send(t){this.#s?.send(t)}restart(t){this.#l?.(t)}async close(){
const e=this.#s,s="connected"===this.state;if(this.#n++,clearTimeout(this.#c),clearTimeout(this.#h),
"closed"!==this.state&&this.#p("closed","close() was called"),e){if(!s)return this.#l?.("close() was called")
;this.#s=void 0,await new Promise(s=>{const n=t(this.#t.timeout,()=>0,()=>{e.terminate?.(),s()});e.onclose=()=>(n(),
s()),e.onmessage=null,e.close(1e3)})}}#m(){const{timeout:e}=this.#t;return new Promise((n,o)=>{let i=!1,a="";this.#a=0
;const r=this.#u(t=>this.#a=retryAfter(t));this.#s=r;const c=(t,e=0)=>{this.#s===r&&(h(),clearTimeout(this.#h),
this.#s=void 0,
r.onopen=r.onmessage=r.onclose=null,r.close(),r.terminate?.(),i?this.#f(t,e):o(new s(`cannot connect to ${this.#t.url}: ${t}${this.#d}`)))
},h=t(e,()=>0,()=>c(`no answer in ${e} ms`));this.#l=c,r.onerror=t=>a=t?.error?.message||t?.message||a,
r.onclose=({code:t,reason:e})=>c(a||`closed with ${t}${e&&` ${e}`}`,t),r.onmessage=({data:t})=>{
this.#r=performance.now(),this.heard++,this.#s===r&&this.#e.received(t)},r.onopen=()=>{h(),i=!0,this.#a=0,this.heard++,
this.#r=this.#i=performance.now(),this.#p("connected","the connection is open"),this.#w(),this.#e.opened(),n()}})}#u(t){
const{url:e,headers:s,WebSocket:n}=this.#t,o=Object.keys(s);let i;const a=n===globalThis.WebSocket&&function(t,e){
const s=globalThis[Symbol.for("undici.globalDispatcher.1")];if(!s)return;const n=(n,o)=>{
for(const s of["onUpgrade","onRequestUpgrade","onHeaders","onResponseStart"]){const n=o[s];n&&(o[s]=(...s)=>{
t(s.find(t=>"function"==typeof t?.destroy))
;const i=s.slice(1).find(t=>"object"==typeof t),a=(Array.isArray(i)?i:Object.entries(i).flat()).map(String)
;return e(t=>a[a.findIndex(e=>e.toLowerCase()===t)+1]),n.apply(o,s)})}return s.dispatch(n,o)};return{dispatch:n}
}(t=>i=t,t),r={...o.length&&{headers:s},...a&&{dispatcher:a}};let c;try{Object.keys(r).length&&(c=new n(e,r))}catch{
this.#d=`; the WebSocket of this platform cannot send ${o.join(", ")}`}return c??=new n(e),
c.terminate??=()=>i?.destroy(),c}#f(t,e){const s=this.#n
;performance.now()-this.#i>=Math.min(5e3,this.#t.backoffCap)&&(this.#o=0),this.#e.broken(t,e),this.#g(s,t)}#g(t,e){
if(t!==this.#n)return;const s=this.#a+pause(this.#t,this.#o++)
;this.#c=setTimeout(()=>this.#m().catch(e=>this.#g(t,e.message)),s),this.#p("reconnecting",e,this.#o,s)}#w(){
const{silence:t}=this.#t,{probe:e}=this.#e,s=this.#s;if(!t||!e||!s)return
;const n=()=>this.#s===s&&this.restart(`the server was silent for ${t} ms and did not answer`)
;this.#h=setTimeout(async()=>{performance.now()-this.#r>=t&&await e().catch(n),this.#s===s&&this.#w()
},Math.max(this.#r+t-performance.now(),1))}#p(t,e,s=0,n=0){this.state=t,this.#e.changed({state:t,reason:e,attempt:s,
delay:n})}}export function pause({backoffBase:t,backoffCap:e},s){return Math.random()*Math.min(e,t*2**s)}
export function retryAfter(t){
const e=t("retry-after")??"",s=/^\d+$/.test(e)?1e3*+e:Date.parse(e)-(Date.parse(t("date")??"")||Date.now())
;return Math.min(Math.max(s||0,0),3e5)}
