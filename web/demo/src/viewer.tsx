import type { Attachment } from "hearth-client";
import { useState } from "preact/hooks";
import { Dialog } from "./dialog";
import { CloseIcon, NextIcon, PreviousIcon } from "./icons";

/** Photos of a message in full size. The arrow keys go from one to the next. */
export function Viewer({ photos, start, onClose }: { photos: Attachment[]; start: number; onClose(): void }) {
  const [index, setIndex] = useState(start);
  const photo = photos[index];
  if (!photo) return null;
  const turn = (step: number) => setIndex((index) => (index + step + photos.length) % photos.length);
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
      <img key={photo.id} src={photo.url} alt={photo.name} />
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
