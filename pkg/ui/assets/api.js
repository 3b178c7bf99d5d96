// Requests to the gateway.

/** An error answer. Its message is for users. */
export class Refused extends Error {}

/** Posts a filter list. A signal ends it, on the gateway's side too. */
export async function post(path, query, list, signal) {
  const url = `/api/${path}?${new URLSearchParams(query)}`;
  const response = await fetch(url, { method: "POST", headers: { "Content-Type": "application/yaml" }, body: list, signal });
  if (!response.ok) throw new Refused((await response.text()).trim());
  return response.json();
}
