/** Blob URLs of the user's own photos, by file ID. The sender sees these pictures until the thumbnails are ready. */
export class Previews {
  private readonly urls = new Map<string, string>();

  keep(fileId: string, url: string): void {
    this.urls.set(fileId, url);
  }

  of(fileId: string): string | undefined {
    return this.urls.get(fileId);
  }

  /** Removes the URL of a file and returns it without revoking it. The caller must revoke it later. */
  take(fileId: string): string | undefined {
    const url = this.urls.get(fileId);
    this.urls.delete(fileId);
    return url;
  }

  /** Forgets the preview of a file and revokes its blob URL, so that the browser can free the image's memory. */
  forget(fileId: string): void {
    const url = this.take(fileId);
    if (url) URL.revokeObjectURL(url);
  }

  close(): void {
    for (const fileId of [...this.urls.keys()]) this.forget(fileId);
  }
}
