/** The contents of `config.json`, which is served from the same folder as the page. */
export interface Config {
  apiUrl: string;
  wsUrl: string;
  /** The AWS region of the Cognito user pool. */
  region: string;
  /** The ID of the user pool's app client. */
  clientId: string;
  /** The URL of the Cognito API. The default is Cognito's own URL in `region`. */
  cognitoUrl: string;
  /** Demo users with passwords, for sign-in with one click. Only a local cloud has them, never a real deployment. */
  users: DemoUser[];
}

export interface DemoUser {
  id: string;
  name: string;
  email: string;
  password: string;
}

const REQUIRED = ["apiUrl", "wsUrl", "region", "clientId"] as const;

/** Where the configuration is kept for a start of the page without a network. */
const KEY = "hearth-config";

/** How long the start of the page waits for the configuration if it has a kept one, in milliseconds. */
const PATIENCE_MS = 3_000;

/**
 * Loads `config.json`, or returns the configuration of the last time if the network or the server fails. Throws an `Error` if it cannot be
 * loaded or lacks a required field; the message says which.
 */
export async function loadConfig(): Promise<Config> {
  const kept = readKept();
  const fetched = fetch("config.json", kept ? { signal: AbortSignal.timeout(PATIENCE_MS) } : {});
  const response = await fetched.catch((error) => {
    if (!kept) throw error;
  });
  if (kept && (!response || response.status >= 500)) return kept;
  if (!response?.ok) {
    throw new Error(
      `The file config.json could not be loaded (HTTP status ${response?.status}). Put it next to the page.`,
    );
  }
  const config = complete(await response.json());
  localStorage.setItem(KEY, JSON.stringify({ ...config, users: [] })); // without the passwords of demo users
  return config;
}

/** Returns the configuration of the last time, or `undefined` if there is none that can be read. */
function readKept(): Config | undefined {
  const stored = localStorage.getItem(KEY);
  if (!stored) return undefined;
  try {
    return complete(JSON.parse(stored));
  } catch (error) {
    console.warn("The stored configuration cannot be read; it is loaded from the network only:", error);
    return undefined;
  }
}

function complete(given: Partial<Config>): Config {
  const missing = REQUIRED.filter((name) => typeof given[name] !== "string");
  if (missing.length > 0) throw new Error(`These fields are missing in config.json: ${missing.join(", ")}.`);
  return {
    cognitoUrl: `https://cognito-idp.${given.region}.amazonaws.com`,
    users: [],
    ...(given as Pick<Config, (typeof REQUIRED)[number]>),
  };
}
