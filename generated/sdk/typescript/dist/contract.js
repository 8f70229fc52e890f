export function at(e,t){let n=e;for(const e of t)n=n?.[e];return n}export function put(e,t,n){
t.slice(0,-1).reduce((e,t)=>e[t]??={},e)[t[t.length-1]]=n}export function some(e){
return Object.values(e).some(e=>void 0!==e)?e:void 0}export function sign(e,t,n,r){
e&&void 0!==t&&("header"===e.place?n[e.name]=e.prefix+t:r.set(e.name,t))}export function asked(e,t){
return t.size?`${e}?${t}`:e}export function uuid(){const e=crypto.getRandomValues(new Uint8Array(16));e[6]=15&e[6]|64,
e[8]=63&e[8]|128
;return Array.from(e,e=>e.toString(16).padStart(2,"0")).join("").replace(/(.{8})(.{4})(.{4})(.{4})/,"$1-$2-$3-$4-")}
