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

/** The `localStorage` item with the last configuration. The page starts with it if config.json cannot be loaded. */
const KEY = "hearth-config";

/** How long the page waits for config.json if it has a stored configuration, in milliseconds. */
const PATIENCE_MS = 3_000;

/**
 * Loads and stores `config.json`. If the network or the server fails, returns the stored configuration of an earlier
 * start. Throws an `Error` if there is no stored configuration, if the server refuses the request, or if a required
 * field is missing; the error's text says which field.
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

/** Returns the stored configuration, or `undefined` if there is none or it cannot be read. */
function readKept(): Config | undefined {
  const stored = localStorage.getItem(KEY);
  if (!stored) return undefined;
  try {
    return complete(JSON.parse(stored));
  } catch (error) {
    console.warn("The stored configuration cannot be read; the page needs config.json to start:", error);
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
