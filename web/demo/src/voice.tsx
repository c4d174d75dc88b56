import { useEffect, useRef, useState } from "preact/hooks";
import { CloseIcon, SendIcon } from "./icons";
import { MAX_RECORDING_MS, Recording } from "./recording";
import "./styles/voice.css";

interface Props {
  onSend(file: File): void;
  onClose(): void;
}

/** Records a voice message in place of the composer's field. Escape cancels it. */
export function Voice({ onSend, onClose }: Props) {
  const recording = useRef<Recording>(undefined);
  const [startedAt, setStartedAt] = useState<number>();
  const [elapsed, setElapsed] = useState(0);
  const [error, setError] = useState<string>();
  const full = elapsed >= MAX_RECORDING_MS;
  const send = useRef<HTMLButtonElement>(null);
  const cancel = useRef<HTMLButtonElement>(null);

  useEffect(() => {
    let closed = false;
    Recording.start().then(
      (started) => {
        if (closed) return started.stop();
        recording.current = started;
        setStartedAt(Date.now());
      },
      (error) => setError(reason(error)),
    );
    return () => {
      closed = true;
      recording.current?.stop();
    };
  }, []);
  useEffect(() => {
    if (startedAt === undefined || full) return;
    const timer = setInterval(() => setElapsed(Math.min(MAX_RECORDING_MS, Date.now() - startedAt)), 200);
    return () => clearInterval(timer);
  }, [startedAt, full]);
  useEffect(() => {
    if (full) recording.current?.stop();
  }, [full]);
  useEffect(() => (startedAt === undefined ? cancel : send).current?.focus(), [startedAt]);

  async function finish() {
    const file = await recording.current?.finish();
    if (!file) return;
    onSend(file);
    onClose();
  }

  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset cannot be laid out as a row in all browsers
    <div
      role="group"
      class="voice"
      aria-label="Voice message"
      onKeyDown={(event) => {
        if (event.key !== "Escape") return;
        event.preventDefault(); // so Escape does not also leave the conversation
        onClose();
      }}
    >
      <button
        ref={cancel}
        type="button"
        class="icon-button"
        aria-label={error ? "Close" : "Cancel the voice message"}
        title={error ? "Close" : "Cancel"}
        onClick={onClose}
      >
        <CloseIcon />
      </button>
      {error ? (
        <p role="alert">{error}</p>
      ) : (
        <>
          <p role="status" data-recording={startedAt !== undefined && !full}>
            {full
              ? "The recording has ended: a voice message can be at most 10 minutes long. Send or cancel it."
              : startedAt === undefined
                ? "Waiting for the microphone …"
                : "Recording"}
          </p>
          <span role="timer">{formatDuration(elapsed)}</span>
          <button
            ref={send}
            type="button"
            class="icon-button primary"
            aria-label="Send the voice message"
            title="Send"
            disabled={startedAt === undefined}
            onClick={finish}
          >
            <SendIcon />
          </button>
        </>
      )}
    </div>
  );
}

/** Returns a duration in minutes and seconds, such as 1:05. */
function formatDuration(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

/** Returns the text that tells the user why the microphone cannot be used. */
function reason(error: unknown): string {
  const name = error instanceof DOMException ? error.name : "";
  if (name === "NotAllowedError")
    return "This page may not use the microphone. Allow it in the browser's settings for this page, then try again.";
  if (name === "NotFoundError") return "No microphone was found. Connect one, then try again.";
  return "The microphone could not be used. Another program may be using it.";
}
