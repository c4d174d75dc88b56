/** Pictures of the user's own uploads, by the file's id: what their sender sees until there is a thumbnail. */
export class Previews {
  private readonly urls = new Map<string, string>();

  keep(fileId: string, url: string): void {
    this.urls.set(fileId, url);
  }

  of(fileId: string): string | undefined {
    return this.urls.get(fileId);
  }

  /** Hands it over: whoever has it revokes it. */
  take(fileId: string): string | undefined {
    const url = this.urls.get(fileId);
    this.urls.delete(fileId);
    return url;
  }

  forget(fileId: string): void {
    const url = this.take(fileId);
    if (url) URL.revokeObjectURL(url);
  }

  close(): void {
    for (const fileId of [...this.urls.keys()]) this.forget(fileId);
  }
}
