import{Bus}from"./bus.js";import{asked,sign,uuid}from"./contract.js";import{ConnectError}from"./errors.js";import{Rest}from"./rest.js";export class RestClient{clientId;_rest;constructor(url,a,credential){const{apiKey,timeout=10_000}=a;this.clientId=a.clientId??`client-${uuid().slice(0,8)}`;const b=a.fetch??((...c)=>fetch(...c));this._rest=new Rest({url:h(url).replace(/^ws/,"http"),fetch:b,timeout,apiKey,credential,clientId:this.clientId})}
}
export class SocketClient extends RestClient{_bus;constructor(url,a,credential,d){super(url,a,credential);const{apiKey,timeout=10_000,backoffBase=100,backoffCap=20_000,silence=45_000}=a;const WebSocket=a.WebSocket??globalThis.WebSocket;if(!WebSocket)throw new ConnectError("there is no WebSocket here: use Node 22 or newer, or pass a class in as WebSocket");const headers={};const e=new URLSearchParams();sign(credential,apiKey,headers,e);const address=asked(h(url).replace(/^http/,"ws")+d.address,e);this._bus=new Bus(d,{url:address,headers,WebSocket,timeout,backoffBase,backoffCap,silence})}
get state(){return this._bus.connection.state}
connect(){return this._bus.connection.connect()}
close(){return this._bus.connection.close()}
on(f,g){return this._bus.notices.on(f,g)}
}
function h(url){if(!/^(http|ws)s?:\/\//.test(url))throw new TypeError(`the URL must begin with http:// or ws://, not ${url}`);return url.replace(/\/+$/,"")}
