// Files that need our credentials: fetched, then handed to the browser.
import { api, type Query } from "../api/client.ts";
import { asError } from "../lib/resource.ts";
import { toast } from "../ui/toast.tsx";

export async function download(path: string, query: Query, name: string, type = "text/csv"): Promise<void> {
  try {
    const text = await api.text(path, query);
    save(text, name, type);
  } catch (error) {
    toast(asError(error).message, { bad: true });
  }
}

export function save(text: string, name: string, type = "text/plain"): void {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

export async function copy(text: string, what: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    toast(`${what} copied.`);
  } catch {
    save(text, "causeway.txt");
  }
}
