import{ClosedError as e}from"./errors.js";import{Emitter as t}from"./emitter.js";export class Subscription{dropped={
server:0,client:0};#e=new t;#t;#i;#s;#r=()=>this.leave(this.#s?.reason);#h;accepted;#n;#o=[];#a=0;#u=[];#d=!1;#l=!1;#c
;#m=!1;#v=0;#w;constructor(e,{queueSize:t=1e3,signal:i}){if(!(t>=1))throw new RangeError("queueSize must be at least 1")
;this.#t=t,this.#i=e,this.#s=i,this.#h=new Promise((e,t)=>{this.accepted=e,this.#n=t}),this.#h.catch(()=>{}),
i?.aborted?queueMicrotask(this.#r):i?.addEventListener("abort",this.#r)}ready(){return this.#d=!0,this.#h}on(e,t){
const i=this.#e.on(e,t)
;if("end"===e)this.#d=!0,this.#l&&queueMicrotask(()=>t(this.#c));else for(let e=this.#p();e;e=this.#p())this.#e.emit("event",e.value)
;return i}next(){this.#d=!0;const e=this.#p();return e?Promise.resolve({value:e.value,done:!1
}):this.#l?!this.#c||this.#m?Promise.resolve({value:void 0,done:!0}):(this.#m=!0,
Promise.reject(this.#c)):new Promise((e,t)=>this.#u.push({resolve:e,reject:t}))}close(){return this.leave()}
async return(){return await this.leave(),{value:void 0,done:!0}}[Symbol.asyncIterator](){return this}push(e){
if(this.#l)return;if(this.#e.emit("event",e))return;const t=this.#u.shift();if(t)return t.resolve({value:e,done:!1})
;this.#o.push(e),this.#o.length-this.#a>this.#t&&(this.#p(),this.dropped.client++,this.#v++,
this.#w??=setTimeout(()=>this.#f(),100))}end(t){if(this.#l)return;this.#l=!0,this.#c=t,this.#f(),
this.#s?.removeEventListener("abort",this.#r),this.#n(t??new e("the subscription was closed"));const i=this.#u.splice(0)
;t&&i.length&&(this.#m=!0,i.shift()?.reject(t));for(const{resolve:e}of i)e({value:void 0,done:!0})
;this.#e.emit("end",t),t&&!this.#d&&this.#i.unseen(t)}async leave(e){this.#l||(this.end(e),await this.#i.stop())}#p(){
if(this.#a===this.#o.length)return;const e=this.#o[this.#a];return this.#o[this.#a]=void 0,
++this.#a>1023&&2*this.#a>this.#o.length&&(this.#o=this.#o.slice(this.#a),this.#a=0),{value:e}}#f(){
clearTimeout(this.#w),this.#w=void 0,this.#v&&this.#i.dropped(this.#v),this.#v=0}}
