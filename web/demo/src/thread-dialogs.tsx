import type { ThreadSnapshot, ThreadView } from "hearth-client";
import { Details, Gallery, Search } from "./parts";

/** A dialog about the open thread. */
export type ThreadDialog = "details" | "gallery" | "search";

interface Props {
  shown: ThreadDialog | undefined;
  view: ThreadView;
  snapshot: ThreadSnapshot;
  /** Shows another dialog, or none. */
  onShow(dialog: ThreadDialog | undefined): void;
  /** Opens a photo in full size. */
  onOpen(entryKey: string, fileId: string): void;
  /** Goes to the message with this `seq`. */
  onGo(seq: number): void;
}

/** Shows the dialog about the open thread that the user has asked for. */
export function ThreadDialogs({ shown, view, snapshot, onShow, onOpen, onGo }: Props) {
  const { thread } = snapshot;
  const close = () => onShow(undefined);
  if (shown === "details" && thread)
    return <Details thread={thread} onGallery={() => onShow("gallery")} onClose={close} />;
  if (shown === "gallery") return <Gallery view={view} snapshot={snapshot} onOpen={onOpen} onClose={close} />;
  if (shown !== "search") return null;
  const go = (seq: number) => {
    close();
    onGo(seq);
  };
  return <Search view={view} snapshot={snapshot} onGo={go} onClose={close} />;
}
