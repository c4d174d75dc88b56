/** The probability of each fault that the fake server or a device injects, from 0 to 1. */
export interface Faults {
  /** A request is lost on the way, and `fetch` fails. */
  requestLost: number;
  /** A response is lost on the way, and `fetch` fails, although the server has processed the request. */
  answerLost: number;
  /** A request is lost, and no response or failure ever arrives. */
  hang: number;
  /** A request or response takes 0.5 to 8 seconds longer. */
  slow: number;
  /** The server answers 503, and the request does not take effect. */
  errorBefore: number;
  /** The server answers 500, although the request took effect. */
  errorAfter: number;
  /** The server answers 429, half of the time with `Retry-After`. */
  throttled: number;
  /** The server answers 401 to a valid token, and refuses this token from then on. */
  unauthorized: number;
  /**
   * A browser hides the 401 for an expired token, because API Gateway sends it without CORS headers: `fetch` fails. (A
   * 401 for a token that has not expired is never hidden, because the client cannot tell it from a lost request.)
   */
  expiryHidden: number;
  /** The token provider fails. */
  tokenFails: number;
  /** The token provider never answers. */
  tokenHangs: number;
  /** The response is a captive portal's login page. */
  captivePortal: number;
  /** A ticket expires before it is used. */
  ticketExpired: number;
  /** The server refuses to open a socket. */
  socketRefused: number;
  /** A socket never opens and never fails. */
  socketNeverOpens: number;
  /** A socket opens, and the server carries out its frames, but never answers them. */
  socketUnresponsive: number;
  /** The server closes a socket within 5 minutes after it opened. */
  socketClosed: number;
  /** A socket's connection breaks within 5 minutes after it opened, and neither side gets an event. */
  socketDies: number;
  /** The server answers a subscribe with a temporary error. */
  frameError: number;
  /** API Gateway answers a frame with an error of its own, which has no `event`. */
  frameGarbled: number;
  /** A push arrives twice. */
  pushTwice: number;
  /** A push arrives 1 to 40 seconds late; on slow channels, sometimes up to 20 minutes. */
  pushLate: number;
  /** A `message:changed` event is not pushed to a socket. */
  changeLost: number;
  /** A `file:status` event is not pushed to a socket. */
  statusLost: number;
  /** The inspection of an uploaded file refuses it: the file is `failed`. */
  fileBad: number;
}

export const NO_FAULTS: Faults = {
  requestLost: 0,
  answerLost: 0,
  hang: 0,
  slow: 0,
  errorBefore: 0,
  errorAfter: 0,
  throttled: 0,
  unauthorized: 0,
  expiryHidden: 0,
  tokenFails: 0,
  tokenHangs: 0,
  captivePortal: 0,
  ticketExpired: 0,
  socketRefused: 0,
  socketNeverOpens: 0,
  socketUnresponsive: 0,
  socketClosed: 0,
  socketDies: 0,
  frameError: 0,
  frameGarbled: 0,
  pushTwice: 0,
  pushLate: 0,
  changeLost: 0,
  statusLost: 0,
  fileBad: 0,
};

export const HOSTILE: Faults = {
  requestLost: 0.06,
  answerLost: 0.06,
  hang: 0.02,
  slow: 0.1,
  errorBefore: 0.05,
  errorAfter: 0.05,
  throttled: 0.04,
  unauthorized: 0.04,
  expiryHidden: 0.5,
  tokenFails: 0.03,
  tokenHangs: 0.01,
  captivePortal: 0.02,
  ticketExpired: 0.05,
  socketRefused: 0.15,
  socketNeverOpens: 0.05,
  socketUnresponsive: 0.06,
  socketClosed: 0.3,
  socketDies: 0.15,
  frameError: 0.05,
  frameGarbled: 0.03,
  pushTwice: 0.15,
  pushLate: 0.1,
  changeLost: 0.1,
  statusLost: 0.3,
  fileBad: 0.2,
};
