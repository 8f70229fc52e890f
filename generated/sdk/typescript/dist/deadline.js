export function deadline(e,t,n){let o,r=100,u=0;const i=()=>{const e=t();return u=e===o?u+1:0,o=e,
u>5||!r--?n():c=setTimeout(i,10)};let c=setTimeout(i,e);return()=>clearTimeout(c)}
