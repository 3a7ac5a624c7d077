// Keeps the page for times without a network. What the server has is newer, and goes first.
const FILES = ["./", "page.css", "page.js", "pictures.js", "worker.js", "ort.js", "ort.wasm", "styles.json",
               "style.onnx", "stylizer.onnx"]
const NAME = `style ${self.registration.scope}`

async function keep() {
  const { styles } = await (await fetch("styles.json")).json()
  const cache = await caches.open(NAME)
  await cache.addAll([...FILES, ...styles.map((style) => style.picture)])
  await self.skipWaiting()
}

async function answer(request) {
  const cache = await caches.open(NAME)
  try {
    const found = await fetch(request)
    if (found.ok) await cache.put(request, found.clone())
    return found
  } catch (error) {
    return (await cache.match(request, { ignoreSearch: true })) ?? Response.error()
  }
}

self.addEventListener("install", (event) => event.waitUntil(keep()))
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()))
self.addEventListener("fetch", (event) => {
  if (event.request.method === "GET") event.respondWith(answer(event.request))
})
