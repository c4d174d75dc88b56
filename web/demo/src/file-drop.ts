import { useEffect, useState } from "preact/hooks";

/** Prevents the browser from opening a file that is dropped onto the page in place of the page. */
export function usePageDropGuard(): void {
  useEffect(() => {
    const guard = (event: DragEvent) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      event.dataTransfer.dropEffect = "none";
    };
    // The capture phase comes first. So a listener of the open conversation can still accept the files afterwards.
    addEventListener("dragover", guard, true);
    addEventListener("drop", guard, true);
    return () => {
      removeEventListener("dragover", guard, true);
      removeEventListener("drop", guard, true);
    };
  }, []);
}

/**
 * Calls `onFiles` with files that are dropped anywhere on the page, unless a dialog is open or `accepts` returns false.
 * Returns whether files are dragged over the page.
 */
export function useFileDrop(accepts: () => boolean, onFiles: (files: FileList) => void): boolean {
  const [dragged, setDragged] = useState(false);
  useEffect(() => {
    const welcome = ({ dataTransfer }: DragEvent) =>
      dataTransfer?.types.includes("Files") && !document.querySelector("dialog[open]") && accepts();
    const over = (event: DragEvent) => {
      if (!welcome(event) || !event.dataTransfer) return;
      event.dataTransfer.dropEffect = "copy";
      setDragged(true);
    };
    const leave = ({ relatedTarget }: DragEvent) => {
      if (relatedTarget === null) setDragged(false); // the pointer has left the window
    };
    const drop = (event: DragEvent) => {
      setDragged(false);
      if (welcome(event) && event.dataTransfer) onFiles(event.dataTransfer.files);
    };
    addEventListener("dragover", over);
    addEventListener("dragleave", leave);
    addEventListener("drop", drop);
    return () => {
      removeEventListener("dragover", over);
      removeEventListener("dragleave", leave);
      removeEventListener("drop", drop);
    };
  }, [accepts, onFiles]);
  return dragged;
}
