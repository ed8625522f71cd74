/** Keys: `/` goes to the search, `?` shows the help, `g` and a letter go to a screen. Never while somebody types. */
const PAUSE_MS = 1200;

function typing(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}

export function keys(): void {
  const help = document.querySelector<HTMLDialogElement>("dialog#help");
  const search = document.querySelector<HTMLInputElement>("input[data-search]");
  for (const opener of document.querySelectorAll<HTMLButtonElement>("button[data-help]")) {
    opener.hidden = false;
    opener.addEventListener("click", () => help?.showModal());
  }
  let led = 0;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || typing(event.target)) return;
    if (event.key === "/" && search) {
      event.preventDefault();
      search.focus();
      search.select();
    } else if (event.key === "?" && help && !help.open) {
      event.preventDefault();
      help.showModal();
    } else if (event.key === "g") {
      led = event.timeStamp;
    } else if (led && event.timeStamp - led < PAUSE_MS) {
      led = 0;
      document.querySelector<HTMLAnchorElement>(`.side a[data-key="${CSS.escape(event.key)}"]`)?.click();
    }
  });
}
