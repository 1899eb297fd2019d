// The table's generation and the sites, which the header and several screens show.
import { signal } from "@preact/signals";
import { api } from "../api/client.ts";
import type { Site, SiteList, TableInfo } from "../api/types.ts";

export const table = signal<TableInfo | null>(null);
export const sites = signal<Site[]>([]);
export const siteNames = (): string[] => sites.value.map((it) => it.name);

export async function refreshTable(): Promise<void> {
  table.value = await api.get<TableInfo>("/table");
}

export async function refreshSites(): Promise<void> {
  sites.value = (await api.get<SiteList>("/sites")).sites;
}
