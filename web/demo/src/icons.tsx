/**
 * Makes an icon component from an SVG path on a grid of 24 × 24, in the colour of the surrounding text. It is hidden
 * from screen readers, so a button that contains only the icon needs a label.
 */
function icon(path: string) {
  return () => (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={path} />
    </svg>
  );
}

export const BackIcon = icon("M15 5l-7 7 7 7");
export const CloseIcon = icon("M6 6l12 12M18 6L6 18");
export const MicrophoneIcon = icon("M12 3a3 3 0 0 1 3 3v5a3 3 0 0 1-6 0V6a3 3 0 0 1 3-3zM6 11a6 6 0 0 0 12 0M12 17v4");
export const SendIcon = icon("M12 19V5M5.5 11.5L12 5l6.5 6.5");
export const WriteIcon = icon("M4 20l1-4L16.5 4.5a2 2 0 0 1 3 3L8 19l-4 1zM14.5 6.5l3 3");
export const FileIcon = icon("M6 3h8l4 4v14H6zM14 3v4h4");
export const DownIcon = icon("M12 5v14M5.5 12.5L12 19l6.5-6.5");
export const UpIcon = SendIcon;
export const LeaveIcon = icon("M10 5H5v14h5M14 8l4 4-4 4M18 12H9");
export const PreviousIcon = BackIcon;
export const NextIcon = icon("M9 5l7 7-7 7");
export const MoreIcon = icon("M11.5 5.5h1M11.5 12h1M11.5 18.5h1");
export const MutedIcon = icon("M6 16V11a6 6 0 0 1 9-5.2M18 10v6l2 2H8M10 21h4M4 4l16 16");
export const ArchiveIcon = icon("M4 4h16v4H4zM5.5 8v12h13V8M10 12h4");
export const PlusIcon = icon("M12 5v14M5 12h14");
export const CheckIcon = icon("M5 12.5l5 5L19 7");
export const ReadIcon = icon("M2 12.5l4.5 5L15 7M11.5 16.5l1 1L21 7");
