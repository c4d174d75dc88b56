import { after, before, test } from "node:test";
import type { Browser, BrowserContextOptions } from "playwright-core";
import { audit } from "./audit.ts";
import { call, launch, newThread, Person, sendMessage } from "./browser.ts";
import { drawLake } from "./photo.ts";

const SIZES = { desktop: { width: 1200, height: 800 }, phone: { width: 390, height: 844 } };

let browser: Browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

for (const [size, viewport] of Object.entries(SIZES)) {
  test(`axe finds no accessibility problems on a ${size}, in light and dark`, async () => {
    const title = `Axe ${crypto.randomUUID()}`;
    const thread = await newThread(title, "Sarah", "Michael");
    const options: BrowserContextOptions = { viewport, reducedMotion: "reduce" };
    const michael = await Person.open(browser, "Michael", options);
    await michael.page.getByLabel("E-mail").waitFor();
    await audit(michael, "signing in");
    await michael.page.getByLabel("E-mail").fill("nobody@hearth.example");
    await michael.page.getByLabel("Password").fill("wrong");
    await michael.page.getByRole("button", { name: "Sign in", exact: true }).click();
    await michael.page.getByRole("alert").waitFor();
    await audit(michael, "a wrong password");
    await michael.page.route(/\/api\/threads(\?|$)/, (route) =>
      route.fulfill({ headers: { "access-control-allow-origin": "*" }, json: { threads: [], nextCursor: null } }),
    );
    await michael.signIn();
    await michael.page.getByText("No conversations yet.").waitFor();
    await audit(michael, "no conversations");
    await michael.page.unrouteAll();
    await michael.page.reload();
    await michael.threadLink(title).waitFor();
    for (let number = 1; number <= 40; number += 1) await sendMessage("Sarah", thread, `Message ${number}.`);
    await sendMessage("Sarah", thread, "Dinner at 6?");
    await michael.waitForUnread(title, 41);
    await audit(michael, "the list of threads, with unread messages");
    await call("Michael", "PATCH", `/api/threads/${thread}/me`, { mutedUntil: "9999-12-31T23:59:59Z" });
    await michael.threadLink(title).locator(".muted").waitFor();
    await audit(michael, "a muted thread with unread messages");

    await michael.page.getByRole("button", { name: "New conversation" }).click();
    await michael.page.getByRole("checkbox", { name: "Sarah" }).check();
    await audit(michael, "a new conversation");
    await michael.page.getByText("Add someone by ID").click();
    await michael.page.getByLabel("Search people").fill("nobody has this name");
    await michael.page.getByText("Nobody has this name.").waitFor();
    await audit(michael, "a search for people without a result");
    await michael.page.keyboard.press("Escape"); // clears the search
    await michael.page.getByRole("button", { name: "Cancel" }).click();

    await michael.page.getByRole("button", { name: "Archived conversations" }).click();
    await michael.page.getByRole("heading", { name: "Archived" }).waitFor();
    await audit(michael, "the archive");
    await michael.page.getByRole("button", { name: "Close the archive" }).click();
    await michael.page.getByRole("button", { name: "Your account" }).click();
    await michael.page.getByRole("checkbox", { name: "Share read receipts", disabled: false }).waitFor();
    await audit(michael, "the account");
    await michael.page.keyboard.press("Escape");

    await michael.openThread(title);
    await michael.page.getByText("41 new messages", { exact: true }).waitFor();
    await michael.page.getByRole("button", { name: /new messages? below$/ }).waitFor();
    const sarah = await Person.signedIn(browser, "Sarah", options);
    await sarah.page.evaluate((id) => location.assign(`#/${id}`), thread);
    await sarah.waitForMessage("Dinner at 6?");
    await sarah.page.getByText("Read by Michael").waitFor();
    await audit(sarah, "a read receipt");
    await sarah.waitForConnection("Live");
    await sarah.page.getByRole("textbox", { name: "Message" }).pressSequentially("Are you");
    await michael.page.getByText("Sarah is typing …").waitFor();
    await audit(michael, "unread messages, somebody who is typing");
    await sarah.close();
    await michael.page.getByRole("button", { name: "Conversation menu" }).click();
    await michael.page.getByRole("button", { name: "Unmute" }).waitFor();
    await audit(michael, "the menu of a conversation");
    await michael.page.keyboard.press("Escape");
    await michael.page.getByRole("button", { name: /new messages? below$/ }).click();
    await michael.waitForMessage("Dinner at 6?");
    const chooser = michael.page.waitForEvent("filechooser");
    await michael.page.getByRole("button", { name: "Add photos or files" }).click();
    const lake = { name: "lake.jpg", mimeType: "image/jpeg", buffer: await drawLake(michael.page, 800, 600) };
    await (await chooser).setFiles([lake, { name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("soup") }]);
    await michael.page.getByText("Ready to send").nth(1).waitFor();
    await audit(michael, "files to send");
    await michael.send("With pleasure");
    const photo = michael.page.getByRole("button", { name: "Open lake.jpg" });
    await photo.waitFor();
    await michael.page.getByRole("link", { name: "notes.txt" }).waitFor();
    await michael.page.route(/\/messages$/, (route) =>
      route.request().method() === "POST"
        ? route.fulfill({
            status: 403,
            headers: { "access-control-allow-origin": "*" },
            json: { message: "Forbidden" },
          })
        : route.fallback(),
    );
    await michael.send("This one fails");
    await michael.message("This one fails").getByRole("button", { name: "Discard" }).waitFor();
    await audit(michael, "a conversation");

    await photo.click();
    await michael.page.getByRole("dialog", { name: "lake.jpg" }).waitFor();
    await audit(michael, "a photo in full size");
    await michael.page.keyboard.press("Escape");

    await michael.page.context().setOffline(true);
    await michael.waitForConnection("Offline");
    await audit(michael, "offline");
    await michael.page.context().setOffline(false);
    await michael.page.evaluate(() => location.assign("#/thread_none"));
    await michael.page.getByRole("heading", { name: "Not found" }).waitFor();
    await audit(michael, "not found");
    await michael.page.evaluate(() => location.assign("#/"));
    await michael.page.getByRole("button", { name: "Sign out" }).click();
    await michael.page.getByRole("button", { name: "Keep and sign out" }).waitFor(); // because of the failed message
    await audit(michael, "signing out with an unsent message");
    await michael.close();
  });
}

for (const [size, viewport] of Object.entries(SIZES)) {
  test(`axe finds no accessibility problems in changed messages on a ${size}, in light and dark`, async () => {
    const title = `Axe ${crypto.randomUUID()}`;
    const thread = await newThread(title, "Sarah", "Michael");
    const path = `/api/threads/${thread}/messages`;
    for (const name of ["Sarah", "Michael"]) {
      const send = async (content: object) => (await call<{ seq: number }>(name, "POST", path, content)).seq;
      const wrong = await send({ body: "Wrong photo" });
      const dinner = await send({ body: `See https://lake.example, says ${name}` });
      await send({ body: "Which one?", replyTo: wrong });
      await send({ body: `An answer by ${name}`, replyTo: dinner });
      await call(name, "PATCH", `${path}/${dinner}`, { body: `See https://lake.example/a, says ${name}` });
      for (const other of ["Sarah", "Michael"]) {
        await call(other, "PUT", `${path}/${dinner}/reaction`, { emoji: other === name ? "❤️" : "👍" });
      }
      await call(name, "DELETE", `${path}/${wrong}`);
    }
    const michael = await Person.signedIn(browser, "Michael", { viewport, reducedMotion: "reduce" });
    await michael.openThread(title);
    await michael.waitForMessage("An answer by Michael");
    await audit(michael, "changed messages");
    await michael.openMessageMenu("lake.example/a, says Sarah");
    await audit(michael, "the menu of a message");
    await michael.page.getByRole("menuitem", { name: "Another emoji" }).click();
    await michael.page.getByRole("dialog").getByRole("textbox").fill("no emoji");
    await michael.page.keyboard.press("Enter");
    await michael.page.getByText("Enter exactly one emoji.").waitFor();
    await audit(michael, "more emojis");
    await michael.page.keyboard.press("Escape");
    await michael.chooseFor("An answer by Sarah", "Reply");
    await audit(michael, "a reply");
    await michael.chooseFor("An answer by Michael", "Copy text");
    await michael.chooseFor("An answer by Michael", "Delete");
    await michael.page.getByRole("button", { name: "Undo" }).waitFor();
    await audit(michael, "a deletion that can be undone, and a notice");
    await michael.close();
  });
}
