import { Bus } from "./bus.js";
import { asked, sign, uuid } from "./contract.js";
import { ConnectError } from "./errors.js";
import { Rest } from "./rest.js";
export class RestClient {
clientId;
_rest;
constructor(url, options, credential) {
const { apiKey, timeout = 10_000 } = options;
this.clientId = options.clientId ?? `client-${uuid().slice(0, 8)}`;
const call = options.fetch ?? ((...given) => fetch(...given));
this._rest = new Rest({ url: trimmed(url).replace(/^ws/, "http"), fetch: call, timeout, apiKey, credential, clientId: this.clientId });
}
}
export class SocketClient extends RestClient {
_bus;
constructor(url, options, credential, contract) {
super(url, options, credential);
const { apiKey, timeout = 10_000, backoffBase = 100, backoffCap = 20_000, silence = 45_000 } = options;
const WebSocket = options.WebSocket ?? globalThis.WebSocket;
if (!WebSocket)
throw new ConnectError("there is no WebSocket here: use Node 22 or newer, or pass a class in as WebSocket");
const headers = {};
const query = new URLSearchParams();
sign(credential, apiKey, headers, query);
const address = asked(trimmed(url).replace(/^http/, "ws") + contract.address, query);
this._bus = new Bus(contract, { url: address, headers, WebSocket, timeout, backoffBase, backoffCap, silence });
}
get state() {
return this._bus.connection.state;
}
connect() {
return this._bus.connection.connect();
}
close() {
return this._bus.connection.close();
}
on(name, callback) {
return this._bus.notices.on(name, callback);
}
}
function trimmed(url) {
if (!/^(http|ws)s?:\/\//.test(url))
throw new TypeError(`the URL must begin with http:// or ws://, not ${url}`);
return url.replace(/\/+$/, "");
}
