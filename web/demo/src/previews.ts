/** Pictures of this page's own uploads, by the file's id: what their sender sees until there is a thumbnail. */
const urls = new Map<string, string>();

export function keepPreview(fileId: string, url: string): void {
  urls.set(fileId, url);
}

export function previewOf(fileId: string): string | undefined {
  return urls.get(fileId);
}
