export function at(a,path){let b=a;for(const name of path)b=b?.[name];return b}
export function put(a,path,b){const c=path.slice(0,-1).reduce((d,name)=>(d[name]??={}),a);c[path[path.length-1]]=b}
export function some(e){return Object.values(e).some((b)=>b!==undefined)?e:undefined}
export function sign(f,g,h,i){if(!f||g===undefined)return;if(f.place==="header")h[f.name]=f.prefix+g;else
i.set(f.name,g)}
export function asked(url,i){return i.size?`${url}?${i}`:url}
export function uuid(){const j=crypto.getRandomValues(new Uint8Array(16));j[6]=(j[6]&15)|64;j[8]=(j[8]&63)|128;const k=Array.from(j,(l)=>l.toString(16).padStart(2,"0")).join("");return k.replace(/(.{8})(.{4})(.{4})(.{4})/,"$1-$2-$3-$4-")}
