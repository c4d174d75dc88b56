import type { ThreadEntry, ThreadView } from "hearth-client";
import { useState } from "preact/hooks";
import { isPhoto, useRenewal } from "./attachment";
import { useBack } from "./back";
import { Dialog } from "./dialog";
import { CloseIcon, NextIcon, PreviousIcon } from "./icons";

interface Props {
  view: ThreadView;
  entry: ThreadEntry;
  /** ID of the photo to show first. */
  fileId: string;
  onClose(): void;
}

/** Shows the photos of a message in full size. The left and right arrow keys go to the previous and next photo. */
export function Viewer({ view, entry, fileId, onClose }: Props) {
  const [shown, setShown] = useState(fileId);
  const renew = useRenewal(view, shown);
  useBack(onClose);
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
          <bdi>{photo.name}</bdi>
          {photos.length > 1 && ` · ${index + 1} of ${photos.length}`}
        </p>
        <a href={photo.url} target="_blank" rel="noreferrer">
          Open original
        </a>
        <button type="button" class="icon-button" aria-label="Close" onClick={onClose}>
          <CloseIcon />
        </button>
      </header>
      {/* The key makes a new element for each photo. Otherwise the previous photo would stay while the next one loads. */}
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
