// The page: reads pictures, asks the worker, shows what comes.
import { drawn, inside, read, shorter } from "./pictures.js"

const at = (id) => document.getElementById(id)
const state = { photo: null, name: "photo", style: null, side: 256, wanted: 0, working: false, made: false }
const waiting = new Map() // id of a question -> what takes the answer
let worker = null

function ask(work, given) {
  worker ??= started()
  const id = crypto.getRandomValues(new Uint32Array(1))[0]
  return new Promise((resolve, reject) => {
    waiting.set(id, { resolve, reject })
    worker.postMessage({ id, work, given })
  })
}

function started() {
  const made = new Worker("worker.js", { type: "module" })
  made.onmessage = ({ data }) => {
    const { resolve, reject } = waiting.get(data.id)
    waiting.delete(data.id)
    if (data.error) reject(new Error(data.error))
    else resolve(data.made)
  }
  made.onerror = (event) => {
    const error = new Error(event.message || "its program did not load")
    for (const { reject } of waiting.values()) reject(error)
    waiting.clear()
  }
  return made
}

const bare = (name) => name.replace(/\.[^.]*$/, "") || "photo"

function complain(text) {
  at("problem").textContent = text
  at("problem").hidden = !text
}

// --- what is chosen

async function choosePhoto(file) {
  const picture = file && (await opening(file))
  if (!picture) return
  state.photo = { picture }
  state.name = bare(file.name)
  await make()
}

async function opening(file) {
  complain("")
  try {
    return await read(file)
  } catch (error) {
    complain(error.message)
    return null
  }
}

async function chooseOwnStyle(file, tile) {
  const opened = file && (await opening(file))
  if (!opened) return
  const picture = shorter(opened, state.side)
  opened.close()
  drawn(tile.querySelector("canvas"), picture)
  tile.querySelector("canvas").setAttribute("aria-label", `Your picture ${file.name}`)
  const radio = tile.querySelector("[type=radio]")
  radio.disabled = false
  radio.checked = true
  state.style = { name: bare(file.name), picture }
  radio.onchange = chosen(state.style)
  await make()
}

const chosen = (style) => () => {
  state.style = style
  make()
}

function tileOf(style, first) {
  const tile = document.createElement("label")
  tile.className = "tile"
  const picture = document.createElement("img")
  Object.assign(picture, { src: style.picture, alt: "", width: 160, height: 160 })
  const radio = Object.assign(document.createElement("input"), { type: "radio", name: "style" })
  Object.assign(radio, { checked: first, onchange: chosen(style), value: style.name })
  tile.title = style.name
  tile.append(picture, style.name, radio)
  return tile
}

function ownTile() {
  const box = document.createElement("div")
  const tile = document.createElement("label")
  tile.className = "tile"
  const canvas = Object.assign(document.createElement("canvas"), { width: 160, height: 160 })
  const radio = Object.assign(document.createElement("input"), { type: "radio", name: "style" })
  Object.assign(radio, { disabled: true, value: "own" })
  tile.append(canvas, "your own", radio)
  const button = document.createElement("label")
  button.className = "button"
  const file = Object.assign(document.createElement("input"), { type: "file", id: "style-file" })
  Object.assign(file, { accept: "image/*", onchange: () => chooseOwnStyle(file.files[0], tile) })
  button.append("Choose", file)
  box.append(tile, button)
  return box
}

// --- what is made

async function numbersOf(style) {
  style.numbers ??= await ask("describe", { picture: style.picture })
  return style.numbers
}

// the numbers between those of the photo itself (0) and those of the style (1)
async function mixed(photo, style, strength) {
  if (strength < 1) photo.small ??= shorter(at("photo"), state.side)
  const numbers = await numbersOf(style)
  if (strength === 1) return numbers
  photo.numbers ??= await ask("describe", { picture: photo.small })
  return Array.from(numbers, (n, i) => strength * n + (1 - strength) * photo.numbers[i])
}

// the photo at the chosen size, on its canvas
function prepared() {
  const side = Number(at("size").value)
  if (state.photo.side !== side) {
    const content = inside(state.photo.picture, side)
    state.photo = { picture: state.photo.picture, side, content }
    drawn(at("photo"), content)
  }
  return state.photo
}

async function make() {
  if (!state.photo || !state.style) return
  const mine = ++state.wanted
  if (state.working) return // it looks again when it is ready
  state.working = true
  at("busy").hidden = false
  complain("")
  at("status").textContent = state.made ? "Working…" : "Loading the network, once, and working…"
  try {
    await makeOne()
  } catch (error) {
    worker?.terminate() // a network that ran out of memory does not recover
    worker = null
    complain(`This did not work: ${error.message}. Choose a smaller size, or load the page again.`)
    at("status").textContent = ""
  }
  state.working = false
  if (mine !== state.wanted) return make()
  at("busy").hidden = true
}

async function makeOne() {
  const photo = prepared()
  at("empty").hidden = true
  if (!state.made) at("photo").hidden = false
  const style = state.style
  const strength = Number(at("strength").value) / 100
  const numbers = await mixed(photo, style, strength)
  const begin = performance.now()
  const result = await ask("show", { picture: photo.content, numbers })
  const seconds = ((performance.now() - begin) / 1000).toFixed(1)
  drawn(at("result"), result)
  at("result").setAttribute("aria-label", `Your photo in the style ${style.name}`)
  show(false)
  const { width, height } = photo.picture
  const from = width === result.width ? "" : `, scaled down from ${width} × ${height}`
  at("status").textContent = `${result.width} × ${result.height} pixels${from}; ${seconds} s`
  await offer(`${state.name}-${style.name}.png`)
  state.made = true
}

async function offer(name) {
  const blob = await new Promise((done) => at("result").toBlob(done, "image/png"))
  URL.revokeObjectURL(at("download").href)
  Object.assign(at("download"), { href: URL.createObjectURL(blob), download: name, hidden: false })
  at("compare").hidden = false
}

function show(photo) {
  at("photo").hidden = !photo
  at("result").hidden = photo
  at("compare").setAttribute("aria-pressed", photo)
}

async function open() {
  if (typeof WebAssembly === "undefined") {
    throw new Error("This browser has no WebAssembly, or it is turned off (as iOS' Lockdown Mode " +
                    "does). Allow it, or use another browser.")
  }
  const found = await fetch("styles.json").catch(() => null)
  if (!found?.ok) throw new Error("styles.json is not there: copy the whole folder of the page.")
  const { styles, side } = await found.json()
  state.side = side
  at("styles").append(...styles.map((style, i) => tileOf(style, i === 0)), ownTile())
  state.style = styles[0]
  at("strength").oninput = () => (at("strength-shown").textContent = `${at("strength").value} %`)
  at("strength").onchange = make
  at("size").onchange = make
  at("compare").onclick = () => show(at("photo").hidden)
  at("photo").setAttribute("aria-label", "Your photo")
  navigator.serviceWorker?.register("offline.js").catch(() => {}) // not over plain HTTP
  for (const id of ["content-file", "camera-file"]) {
    const choose = () => choosePhoto(at(id).files[0])
    at(id).onchange = choose
    choose() // what was chosen while the page was loading
  }
}

at("problem").hidden = true
at("problem").classList.remove("late")
open().catch((error) => complain(error.message))
