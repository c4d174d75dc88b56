import type { Attachment, ThreadView } from "hearth-client";
import { useRenewal } from "./attachment";
import { FileName } from "./file-name";

type Medium = "audio" | "video";

/** Returns "audio" or "video" if the browser can play an attachment; undefined if it cannot. */
export function mediumOf({ mimetype, status }: Attachment): Medium | undefined {
  const medium = (["audio", "video"] as const).find((medium) => mimetype.startsWith(`${medium}/`));
  if (!medium || status !== "ready") return undefined;
  return document.createElement(medium).canPlayType(mimetype) === "" ? undefined : medium;
}

/** Plays an audio or video file of a message. The file is loaded when the user plays it. */
export function Player({ file, medium: Element, view }: { file: Attachment; medium: Medium; view: ThreadView }) {
  const renew = useRenewal(view, file.id);
  return (
    <div class="player" data-medium={Element}>
      <p>
        <FileName name={file.name} />
      </p>
      <Element src={file.url} aria-label={file.name} controls playsInline preload="none" onError={renew} />
    </div>
  );
}
