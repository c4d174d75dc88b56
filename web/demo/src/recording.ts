/** A voice message is at most this long, in milliseconds. At 32 kbit/s, its file has 2.4 MB. */
export const MAX_RECORDING_MS = 10 * 60_000;

const BITS_PER_SECOND = 32_000;

/** The formats that browsers can record, in the order of preference. Most browsers can play the first one. */
const FORMATS = [
  { recorded: "audio/mp4", extension: "m4a" },
  { recorded: "audio/webm", extension: "webm" },
  { recorded: "audio/ogg", extension: "ogg" },
];

/** Returns whether the browser can record voice messages. */
export function canRecord(): boolean {
  return formatOf() !== undefined && navigator.mediaDevices !== undefined;
}

function formatOf() {
  if (typeof MediaRecorder === "undefined") return undefined;
  return FORMATS.find(({ recorded }) => MediaRecorder.isTypeSupported(recorded));
}

/** A recording of the microphone. */
export class Recording {
  private readonly chunks: Blob[] = [];
  private readonly stopped: Promise<void>;

  private constructor(
    private readonly recorder: MediaRecorder,
    private readonly format: (typeof FORMATS)[number],
  ) {
    recorder.addEventListener("dataavailable", ({ data }) => this.chunks.push(data));
    this.stopped = new Promise((resolve) => recorder.addEventListener("stop", () => resolve()));
    recorder.start(1000);
  }

  /** Asks for the microphone and starts to record. Rejects with a `DOMException` if the user or the device refuses. */
  static async start(): Promise<Recording> {
    const format = formatOf();
    if (!format) throw new DOMException("This browser cannot record sound.", "NotSupportedError");
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    const options = { mimeType: format.recorded, audioBitsPerSecond: BITS_PER_SECOND };
    return new Recording(new MediaRecorder(stream, options), format);
  }

  /** Ends the recording, and releases the microphone. */
  stop(): void {
    if (this.recorder.state !== "inactive") this.recorder.stop();
    for (const track of this.recorder.stream.getTracks()) track.stop();
  }

  /** Ends the recording and returns it as a file, which is named after the time. */
  async finish(): Promise<File> {
    this.stop();
    await this.stopped;
    const time = new Date().toLocaleString("sv").replace(":", ".").slice(0, 16); // 2026-03-01 18.05
    const { recorded: type, extension } = this.format;
    return new File(this.chunks, `Voice message ${time}.${extension}`, { type });
  }
}
