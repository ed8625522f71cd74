/**
 * The rule builder of segments: rows of field, comparison and value that write the rule's text. The text stays the truth:
 * it is what is sent, it can be edited by hand, and without this script it is all there is.
 */
interface Field {
  name: string;
  title: string;
  kind: "number" | "text" | "truth" | "time";
  values: string[];
}

const SIGNS: Record<Field["kind"], string[]> = {
  number: [">", ">=", "<", "<=", "=", "!="],
  text: ["=", "!=", "contains", "starts with"],
  truth: ["="],
  time: [">=", "<=", "=", ">", "<"],
};

function part<K extends keyof HTMLElementTagNameMap>(tag: K, label: string): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  made.setAttribute("aria-label", label);
  return made;
}

function written(field: Field, sign: string, value: string): string {
  const name = /^[A-Za-z_][A-Za-z0-9_]*$/.test(field.name) ? field.name : `"${field.name.replaceAll('"', '""')}"`;
  const told = field.kind === "text" ? `"${value.replaceAll('"', '""')}"` : value;
  return `${name} ${sign} ${told}`;
}

export function rules(): void {
  const builder = document.querySelector<HTMLElement>("[data-builder]");
  const text = document.querySelector<HTMLTextAreaElement>("textarea[name=rule]");
  const source = document.querySelector("#fields");
  if (!builder || !text || !source) return;
  const fields = JSON.parse(source.textContent ?? "[]") as Field[];
  const words = builder.dataset;
  const rows = document.createElement("div");
  const add = document.createElement("button");
  add.type = "button";
  add.textContent = words["add"] ?? "+";
  builder.append(rows, add);
  builder.hidden = false;

  const write = (): void => {
    const parts = [...rows.querySelectorAll<HTMLElement>(".row")].map((row) => row.dataset["says"] ?? "").filter(Boolean);
    if (!parts.length) return;
    text.value = parts.join(" and ");
    text.dispatchEvent(new Event("input", { bubbles: true }));
  };

  const row = (): void => {
    const line = document.createElement("div");
    line.className = "row";
    const which = part("select", words["field"] ?? "");
    const sign = part("select", words["sign"] ?? "");
    const value = part("input", words["value"] ?? "");
    const list = document.createElement("datalist");
    const away = part("button", words["remove"] ?? "");
    list.id = `values-${rows.children.length}-${Date.now()}`;
    value.setAttribute("list", list.id);
    away.type = "button";
    away.className = "bare";
    away.textContent = "×";
    for (const field of fields) which.add(new Option(field.title, field.name));
    const tell = (): void => {
      const field = fields.find((one) => one.name === which.value);
      line.dataset["says"] = field && value.value.trim() ? written(field, sign.value, value.value.trim()) : "";
      write();
    };
    const suit = (): void => {
      const field = fields.find((one) => one.name === which.value);
      if (!field) return;
      sign.replaceChildren(...SIGNS[field.kind].map((one) => new Option(one, one)));
      list.replaceChildren(...field.values.map((one) => new Option(one, one)));
      value.inputMode = field.kind === "number" ? "decimal" : "text";
      tell();
    };
    which.addEventListener("change", suit);
    sign.addEventListener("change", tell);
    value.addEventListener("input", tell);
    away.addEventListener("click", () => {
      line.remove();
      write();
      add.focus();
    });
    line.append(which, sign, value, list, away);
    rows.append(line);
    suit();
    which.focus();
  };
  add.addEventListener("click", row);
}
