/** The files of one deployment of the page. */
export interface Deployment {
  /** Differs between any two deployments with different files. */
  version: string;
  /**
   * The files that the page needs to open, as URLs relative to the page, each with its `integrity` (Subresource
   * Integrity). "./" is the HTML.
   */
  files: Readonly<Record<string, string>>;
}

/** The files in this folder have a hash of their content in their names. */
const HASHED = "assets/";

/** The page opens from the cache if the network has not answered after this time, in milliseconds. */
const PATIENCE_MS = 3_000;

/**
 * Keeps the page's files of one deployment in a cache, so that the page opens offline. Answers only requests for these
 * files. The HTML comes from the network if possible, so a new deployment is used at the next navigation. All files of
 * one deployment are cached or none, so the HTML in the cache never refers to files of another deployment.
 */
export class Shell {
  readonly #deployment: Deployment;
  readonly #scope: string;
  readonly #caches: CacheStorage;
  /** The names of this page's caches begin with this text. Other pages of the same origin have caches, too. */
  readonly #prefix: string;

  constructor(deployment: Deployment, scope: string, caches: CacheStorage) {
    this.#deployment = deployment;
    this.#scope = scope;
    this.#caches = caches;
    this.#prefix = `hearth ${scope} `;
  }

  /**
   * Downloads all files. Rejects if one is missing or has another hash than this deployment's; the browser tries again
   * later.
   */
  async install(): Promise<void> {
    const cache = await this.#caches.open(this.#name);
    const requests = Object.entries(this.#deployment.files).map(
      ([path, integrity]) => new Request(new URL(path, this.#scope), { integrity, cache: "no-cache" }),
    );
    await cache.addAll(requests);
  }

  /** Deletes the caches of other deployments. */
  async activate(): Promise<void> {
    const names = await this.#caches.keys();
    const old = names.filter((name) => name.startsWith(this.#prefix) && name !== this.#name);
    await Promise.all(old.map((name) => this.#caches.delete(name)));
  }

  /** Returns whether the file at this URL belongs to the deployment. */
  has(url: string): boolean {
    return Object.hasOwn(this.#deployment.files, this.#pathOf(url));
  }

  /** Returns the response to a request, or undefined if it is not for the page's files. */
  respond(request: Request): Promise<Response> | undefined {
    if (request.method !== "GET" || !this.has(request.url)) return undefined;
    const path = this.#pathOf(request.url);
    return path.startsWith(HASHED) ? this.#fromCache(request) : this.#fromNetwork(request, path);
  }

  async #fromCache(request: Request): Promise<Response> {
    return (await this.#cached(this.#pathOf(request.url))) ?? fetch(request);
  }

  async #fromNetwork(request: Request, path: string): Promise<Response> {
    const cached = await this.#cached(path);
    if (!cached) return fetch(request);
    const patience = AbortSignal.timeout(PATIENCE_MS);
    const tooLate = new Promise<Response>((resolve) => {
      patience.addEventListener("abort", () => resolve(cached));
    });
    const fetched = fetch(request).then(
      (response) => (response.status < 500 ? response : cached),
      () => cached,
    );
    return Promise.race([fetched, tooLate]);
  }

  async #cached(path: string): Promise<Response | undefined> {
    const cache = await this.#caches.open(this.#name);
    return cache.match(new URL(path, this.#scope), { ignoreVary: true });
  }

  get #name(): string {
    return this.#prefix + this.#deployment.version;
  }

  /** Returns the path of a URL relative to the page: "./" for the page itself. */
  #pathOf(url: string): string {
    const { origin, pathname } = new URL(url);
    const path = origin + pathname;
    if (path === this.#scope || path === `${this.#scope}index.html`) return "./";
    return path.startsWith(this.#scope) ? path.slice(this.#scope.length) : path;
  }
}
