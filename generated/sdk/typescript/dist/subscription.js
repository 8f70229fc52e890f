import{ClosedError}from"./errors.js";import{Emitter}from"./emitter.js";const a=100;export class Subscription{dropped={server:0,client:0};#a=new Emitter();#b;#c;#d;#e=()=>this.leave(this.#d?.reason);#f;accepted;#g;#h=[];#i=0;#j=[];#k=false;#l=false;#m;#n=false;#o=0;#p;constructor(b,{queueSize=1000,signal}){if(!(queueSize>=1))throw new RangeError("queueSize must be at least 1");this.#b=queueSize;this.#c=b;this.#d=signal;this.#f=new Promise((resolve,reject)=>{this.accepted=resolve;this.#g=reject});this.#f.catch(()=>{});if(signal?.aborted)queueMicrotask(this.#e);else
signal?.addEventListener("abort",this.#e)}
ready(){this.#k=true;return this.#f}
on(c,d){const e=this.#a.on(c,d);if(c==="end"){this.#k=true;if(this.#l)queueMicrotask(()=>d(this.#m))}
else{for(let f=this.#q();f;f=this.#q())this.#a.emit("event",f.value)}
return e}
next(){this.#k=true;const f=this.#q();if(f)return Promise.resolve({value:f.value,done:false});if(!this.#l)return new Promise((resolve,reject)=>this.#j.push({resolve,reject}));if(!this.#m||this.#n)return Promise.resolve({value:undefined,done:true});this.#n=true;return Promise.reject(this.#m)}
close(){return this.leave()}
async return(){await this.leave();return{value:undefined,done:true}}
[Symbol.asyncIterator](){return this}
push(f){if(this.#l)return;if(this.#a.emit("event",f))return;const g=this.#j.shift();if(g)return g.resolve({value:f,done:false});this.#h.push(f);if(this.#h.length-this.#i>this.#b){this.#q();this.dropped.client++;this.#o++;this.#p??=setTimeout(()=>this.#r(),a)}
}
end(h){if(this.#l)return;this.#l=true;this.#m=h;this.#r();this.#d?.removeEventListener("abort",this.#e);this.#g(h??new ClosedError("the subscription was closed"));const g=this.#j.splice(0);if(h&&g.length){this.#n=true;g.shift()?.reject(h)}
for(const{resolve}of g)resolve({value:undefined,done:true});this.#a.emit("end",h);if(h&&!this.#k)this.#c.unseen(h)}
async leave(reason){if(this.#l)return;this.end(reason);await this.#c.stop()}
#q(){if(this.#i===this.#h.length)return undefined;const value=this.#h[this.#i];this.#h[this.#i]=undefined;if(++this.#i>1023&&this.#i*2>this.#h.length){this.#h=this.#h.slice(this.#i);this.#i=0}
return{value}}
#r(){clearTimeout(this.#p);this.#p=undefined;if(this.#o)this.#c.dropped(this.#o);this.#o=0}
}
