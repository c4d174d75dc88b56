import type { Attachment, ThreadView } from "hearth-client";
import { PhotoTile } from "./attachment";

/** At most this many photos of a message are shown. The last of them says how many more there are. */
const MAX_SHOWN = 4;

/** Limits for the shape of a single photo, which is its width divided by its height. A photo beyond them is cut. */
const NARROWEST = 3 / 4;
const WIDEST = 16 / 9;
const UNKNOWN = 4 / 3;

interface Props {
  photos: readonly Attachment[];
  view: ThreadView;
  onOpen(fileId: string): void;
}

/** Shows the photos of a message: a single one in its own shape, several as squares. */
export function Photos({ photos, view, onOpen }: Props) {
  const shown = photos.slice(0, MAX_SHOWN);
  const [first] = photos;
  const shape = photos.length === 1 && first ? { "--shape": shapeOf(first) } : {};
  return (
    <div class="photos" data-count={shown.length} style={shape}>
      {shown.map((photo, index) => (
        <PhotoTile
          key={photo.id}
          photo={photo}
          more={index === MAX_SHOWN - 1 ? photos.length - MAX_SHOWN : 0}
          view={view}
          onOpen={() => onOpen(photo.id)}
        />
      ))}
    </div>
  );
}

/**
 * A photo has no size while it is pending, or if it was uploaded before the server measured images. Its shape is then
 * 4:3.
 */
function shapeOf({ width, height }: Attachment): number {
  if (!width || !height) return UNKNOWN;
  return Math.min(WIDEST, Math.max(NARROWEST, width / height));
}
