/** Buttons that copy the text of the block they stand in; without a clipboard they stay hidden. */
export function copying(): void {
  if (!navigator.clipboard) return;
  const show = (root: ParentNode): void => {
    for (const button of root.querySelectorAll<HTMLButtonElement>("button[data-copy]")) button.hidden = false;
  };
  show(document);
  document.addEventListener("htmx:load", (event) => show(event.target as HTMLElement));
  document.addEventListener("click", async (event) => {
    const button = (event.target as Element).closest<HTMLButtonElement>("button[data-copy]");
    const text = button?.parentElement?.querySelector("pre")?.textContent;
    if (!button || text == null) return;
    await navigator.clipboard.writeText(text.trim());
    const before = button.textContent;
    button.textContent = button.dataset["copied"] ?? before;
    setTimeout(() => (button.textContent = before), 1600);
  });
}
