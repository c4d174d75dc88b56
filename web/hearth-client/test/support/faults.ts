/** How likely each thing goes wrong: probabilities from 0 to 1. */
export interface Faults {
  /** A request never arrives; its answer does not; it is never answered at all; it takes seconds. */
  requestLost: number;
  answerLost: number;
  hang: number;
  slow: number;
  /** 5xx before anything was done, or after it was. */
  errorBefore: number;
  errorAfter: number;
  /** 429, half of them with `Retry-After`. */
  throttled: number;
  /** 401 for a good token. */
  unauthorized: number;
  /** The token provider fails, or never answers. */
  tokenFails: number;
  tokenHangs: number;
  /** An answer that is a login page of somebody else. */
  portal: number;
  /** A ticket has run out before it is used. */
  ticketExpired: number;
  /** A socket is refused, or never opens. */
  socketRefused: number;
  socketNeverOpens: number;
  /** A socket that opened answers nothing, though it may do what it is asked to. */
  socketMute: number;
  /** A socket dies within minutes: with a word, or without one. */
  socketClosed: number;
  socketSilent: number;
  /** An answer to a frame is an error of the server, or one of API Gateway. */
  frameError: number;
  frameGarbled: number;
  /** A push comes twice, or seconds or minutes late. */
  pushTwice: number;
  pushLate: number;
  /** A `file:status` is not pushed. */
  statusLost: number;
  /** A file that was uploaded turns out to be bad. */
  fileBad: number;
}

export const CALM: Faults = {
  requestLost: 0,
  answerLost: 0,
  hang: 0,
  slow: 0,
  errorBefore: 0,
  errorAfter: 0,
  throttled: 0,
  unauthorized: 0,
  tokenFails: 0,
  tokenHangs: 0,
  portal: 0,
  ticketExpired: 0,
  socketRefused: 0,
  socketNeverOpens: 0,
  socketMute: 0,
  socketClosed: 0,
  socketSilent: 0,
  frameError: 0,
  frameGarbled: 0,
  pushTwice: 0,
  pushLate: 0,
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
  tokenFails: 0.03,
  tokenHangs: 0.01,
  portal: 0.02,
  ticketExpired: 0.05,
  socketRefused: 0.15,
  socketNeverOpens: 0.05,
  socketMute: 0.06,
  socketClosed: 0.3,
  socketSilent: 0.15,
  frameError: 0.05,
  frameGarbled: 0.03,
  pushTwice: 0.15,
  pushLate: 0.1,
  statusLost: 0.3,
  fileBad: 0.2,
};
