import { hideImage } from "./attachment";
import type { Draft, DraftFile } from "./draft";
import { FileName } from "./file-name";
import { CloseIcon, FileIcon } from "./icons";

/** Shows a file in the composer: the progress of its upload, or why it cannot be sent. */
export function DraftTile({ file, draft }: { file: DraftFile; draft: Draft }) {
  const { name, previewUrl, error } = file;
  return (
    <li class="draft" data-failed={error !== undefined}>
      {previewUrl ? <img src={previewUrl} alt="" onError={hideImage} /> : <FileIcon />}
      <div>
        <FileName name={name} />
        {error ? (
          <span role="alert">
            {error}{" "}
            {file.retryable && file.file && (
              <button type="button" class="link-button" onClick={() => draft.retry(file)}>
                Try again
              </button>
            )}
          </span>
        ) : (
          <State file={file} />
        )}
      </div>
      <button type="button" class="icon-button" aria-label={`Remove ${name}`} onClick={() => draft.remove(file)}>
        <CloseIcon />
      </button>
    </li>
  );
}

function State({ file: { id, name, progress, waiting } }: { file: DraftFile }) {
  if (id) return <span>Ready to send</span>;
  if (waiting) return <span>Waiting for the network …</span>;
  return <progress value={progress} aria-label={`Uploading ${name}`} />;
}
