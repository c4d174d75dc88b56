const KEY = "hearth-sound";

/** After a sound, no tab plays another one for this time, in milliseconds. */
const QUIET_MS = 4_000;

/** The sound's two notes, in hertz, and the length of each in seconds. */
const NOTES = [660, 880];
const NOTE_S = 0.14;

let audio: AudioContext | undefined;

/** Whether the user wants a sound for new messages; kept in this browser. */
export function isSoundOn(): boolean {
  return localStorage.getItem(KEY) !== "off";
}

export function setSoundOn(on: boolean): void {
  if (on) localStorage.removeItem(KEY);
  else localStorage.setItem(KEY, "off");
}

/**
 * Prepares the sound at the user's next click, tap or key press, because browsers refuse sounds of pages that the user
 * has not used. Returns a function that stops waiting for it.
 */
export function unlockSound(): () => void {
  const events = ["pointerdown", "keydown"];
  const unlock = () => {
    stop();
    const context = new AudioContext();
    audio = context;
    // The audio context is suspended until there is a sound, to save the battery.
    const rest = () => context.suspend();
    context.resume().then(rest).catch(report);
  };
  const stop = () => {
    for (const event of events) removeEventListener(event, unlock, { capture: true });
  };
  for (const event of events) addEventListener(event, unlock, { capture: true });
  return stop;
}

/** Plays the sound for a new message, at most once in 4 seconds in all tabs together. */
export function playSound(): void {
  const context = audio;
  if (!context || !isSoundOn()) return;
  navigator.locks
    .request("hearth-sound", { ifAvailable: true }, async (lock) => {
      if (!lock) return;
      context.resume().catch(report); // this may take long, for example until a phone call ends
      play(context);
      await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
      await context.suspend();
    })
    .catch(report);
}

function report(error: unknown): void {
  console.warn("The sound could not be played:", error);
}

function play(context: AudioContext): void {
  const volume = context.createGain();
  volume.connect(context.destination);
  const start = context.currentTime;
  const end = start + NOTES.length * NOTE_S;
  volume.gain.setValueAtTime(0.12, start);
  volume.gain.exponentialRampToValueAtTime(0.001, end);
  for (const [index, frequency] of NOTES.entries()) {
    const note = context.createOscillator();
    note.frequency.value = frequency;
    note.connect(volume);
    note.start(start + index * NOTE_S);
    note.stop(start + (index + 1) * NOTE_S);
  }
}
