import{Bus as e}from"./bus.js";import{asked as t,sign as s,uuid as o}from"./contract.js"
;import{ConnectError as c}from"./errors.js";import{Rest as n}from"./rest.js";export class RestClient{clientId;_rest
;constructor(e,t,s){const{apiKey:c,timeout:i=1e4}=t;this.clientId=t.clientId??`client-${o().slice(0,8)}`
;const a=t.fetch??((...e)=>fetch(...e));this._rest=new n({url:r(e).replace(/^ws/,"http"),fetch:a,timeout:i,apiKey:c,
credential:s,clientId:this.clientId})}}export class SocketClient extends RestClient{_bus;constructor(o,n,i,a){
super(o,n,i)
;const{apiKey:l,timeout:h=1e4,backoffBase:u=100,backoffCap:p=2e4,silence:b=45e3}=n,f=n.WebSocket??globalThis.WebSocket
;if(!f)throw new c("there is no WebSocket here: use Node 22 or newer, or pass a class in as WebSocket")
;const m={},w=new URLSearchParams;s(i,l,m,w);const d=t(r(o).replace(/^http/,"ws")+a.address,w);this._bus=new e(a,{url:d,
headers:m,WebSocket:f,timeout:h,backoffBase:u,backoffCap:p,silence:b})}get state(){return this._bus.connection.state}
connect(){return this._bus.connection.connect()}close(){return this._bus.connection.close()}on(e,t){
return this._bus.notices.on(e,t)}}function r(e){
if(!/^(http|ws)s?:\/\//.test(e))throw new TypeError(`the URL must begin with http:// or ws://, not ${e}`)
;return e.replace(/\/+$/,"")}
