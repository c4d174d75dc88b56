import { lazy } from "./lazy";

// The parts of the page that are not needed for its first paint. Each is a file of its own.

export const Details = lazy(async () => (await import("./details")).Details);
export const EmojiPicker = lazy(async () => (await import("./emoji-picker")).EmojiPicker);
export const Gallery = lazy(async () => (await import("./gallery")).Gallery);
export const MessageMenu = lazy(async () => (await import("./message-menu")).MessageMenu);
export const NewConversation = lazy(async () => (await import("./new-conversation")).NewConversation);
export const Profile = lazy(async () => (await import("./profile")).Profile);
export const Search = lazy(async () => (await import("./search")).Search);
export const SignIn = lazy(async () => (await import("./sign-in")).SignIn);
export const SignOut = lazy(async () => (await import("./sign-out")).SignOut);
export const Thread = lazy(async () => (await import("./thread")).Thread);
export const Viewer = lazy(async () => (await import("./viewer")).Viewer);
export const Voice = lazy(async () => (await import("./voice")).Voice);
export const Welcome = lazy(async () => (await import("./welcome")).Welcome);
