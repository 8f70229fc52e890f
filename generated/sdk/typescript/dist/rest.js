import{retryAfter as t}from"./connection.js";import{asked as o,sign as e}from"./contract.js"
;import{deadline as n}from"./deadline.js";import{ConnectError as r,ProblemError as s,TimeoutError as i}from"./errors.js"
;export class Rest{clientId;#t;constructor(t){this.#t=t,this.clientId=t.clientId}async request(a,c,l,d={}){
const{url:p,fetch:f,apiKey:h,credential:m}=this.#t,{signal:u,timeout:g=this.#t.timeout}=d;u?.throwIfAborted()
;const y=function(t,o={}){const e=t=>{let e="",n=!1;const r=t.replace(/\{([^}]*)\}/g,(t,r)=>{const s=String(o[r])
;return e=`${r} must not be ${JSON.stringify(s)}: in a path, that leads to another resource`,n||=!s,
encodeURIComponent(s)});if(e&&(n||/^(\.|%2e){1,2}$/i.test(r)))throw new TypeError(e);return r}
;return t.split("/").map(e).join("/")}(c,l.path),b=new URLSearchParams
;for(const[t,o]of Object.entries(l.query??{}))for(const e of[o].flat())void 0!==e&&b.append(t,String(e));const w={
Accept:"application/json"};for(const[t,o]of Object.entries(l.headers??{}))void 0!==o&&(w[t]=String(o))
;void 0!==l.body&&(w["Content-Type"]="application/json"),e(m,h,w,b);const j=new AbortController;let $=()=>0
;const S=n(g,()=>$(),()=>j.abort());let v,I;try{v=await f(o(p+y,b),{method:a,headers:w,
signal:u?AbortSignal.any([u,j.signal]):j.signal,...void 0!==l.body&&{body:JSON.stringify(l.body)}}),$=()=>({}),
I=await v.text()}catch(t){if(u?.aborted)throw u.reason;if(j.signal.aborted)throw new i(`no answer in ${g} ms`,!0)
;const o=t.cause,e=o instanceof Error&&o.message?o.message:t.message;throw new r(`${a} ${p}${y} failed: ${e}`,{cause:t})
}finally{S()}let O=I||void 0;try{O=JSON.parse(I)}catch{}if(v.ok)return O
;const{type:T="about:blank",title:A=v.statusText,detail:x=""}=O??{}
;throw new s(v.status,T,A||`HTTP ${v.status}`,x,O,t(t=>v.headers.get(t)))}}
