/** A response of the fake server. */
export interface Reply {
  status: number;
  body: unknown;
  headers?: Record<string, string>;
  /** Whether the request was refused because its token has expired. */
  expired?: boolean;
}

/** Returns an error response with a problem document. */
export function problem(status: number, code: string): Reply {
  const body = {
    type: "about:blank",
    title: "No",
    status,
    code,
    detail: `The code is ${code}.`,
    requestId: "r-1",
    errors: [],
  };
  return { status, body };
}
