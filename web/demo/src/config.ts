/** What `config.json` beside the page says. */
export interface Config {
  apiUrl: string;
  wsUrl: string;
  /** Of the Cognito user pool. */
  region: string;
  /** Of the user pool's client. */
  clientId: string;
  /** Where the user pool is reached; Cognito's own address in `region` unless told. */
  cognitoUrl: string;
  /** People to sign in as with one click: for the local cloud, never for a real one. */
  users: DemoUser[];
}

export interface DemoUser {
  id: string;
  name: string;
  email: string;
  password: string;
}

const REQUIRED = ["apiUrl", "wsUrl", "region", "clientId"] as const;

/** Throws an `Error` that says what is wrong with it. */
export async function loadConfig(): Promise<Config> {
  const response = await fetch("config.json");
  if (!response.ok) throw new Error(`config.json was answered with ${response.status}.`);
  const given: Partial<Config> = await response.json();
  const missing = REQUIRED.filter((name) => typeof given[name] !== "string");
  if (missing.length > 0) throw new Error(`config.json lacks ${missing.join(", ")}.`);
  return {
    cognitoUrl: `https://cognito-idp.${given.region}.amazonaws.com`,
    users: [],
    ...(given as Pick<Config, (typeof REQUIRED)[number]>),
  };
}
