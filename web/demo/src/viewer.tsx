import type { ThreadEntry, ThreadView } from "hearth-client";
import { useState } from "preact/hooks";
import { isPhoto, useRenewal } from "./attachment";
import { Dialog } from "./dialog";
import { CloseIcon, NextIcon, PreviousIcon } from "./icons";

interface Props {
  view: ThreadView;
  entry: ThreadEntry;
  /** Which of its photos to begin with. */
  fileId: string;
  onClose(): void;
}

/** Photos of a message in full size. The arrow keys go from one to the next. */
export function Viewer({ view, entry, fileId, onClose }: Props) {
  const [shown, setShown] = useState(fileId);
  const renew = useRenewal(view, shown);
  const photos = entry.attachments.filter((attachment) => isPhoto(attachment) && attachment.status === "ready");
  const index = photos.findIndex((photo) => photo.id === shown);
  const photo = photos[index];
  if (!photo) return null;
  const turn = (step: number) => setShown(photos[(index + step + photos.length) % photos.length]?.id ?? shown);
  return (
    <Dialog
      class="viewer"
      label={photo.name}
      onClose={onClose}
      onKeyDown={(event) => {
        if (event.key === "ArrowRight") turn(1);
        if (event.key === "ArrowLeft") turn(-1);
      }}
    >
      <header>
        <p>
          {photo.name}
          {photos.length > 1 && ` · ${index + 1} of ${photos.length}`}
        </p>
        <a href={photo.url} target="_blank" rel="noreferrer">
          Original
        </a>
        <button type="button" class="icon-button" aria-label="Close" onClick={onClose}>
          <CloseIcon />
        </button>
      </header>
      {/* A new element for each photo: the last one does not stay while the next one comes. */}
      <img key={photo.id} src={photo.url} alt={photo.name} onError={renew} />
      {photos.length > 1 && (
        <>
          <button type="button" class="icon-button previous" aria-label="Previous photo" onClick={() => turn(-1)}>
            <PreviousIcon />
          </button>
          <button type="button" class="icon-button next" aria-label="Next photo" onClick={() => turn(1)}>
            <NextIcon />
          </button>
        </>
      )}
    </Dialog>
  );
}
