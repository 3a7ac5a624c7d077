// Pictures: files, and pixels as {pixels, height, width}, whose pixels are bytes R, G, B.

const MOST = 100 // megabytes of a file
const LONGEST = 4 // times the shorter side; what is longer is cropped where a style is described

// The picture of a file, turned as the camera says.
export async function read(file) {
  if (file.size > MOST * 1e6) {
    throw new Error(`${file.name} has ${Math.round(file.size / 1e6)} MB; up to ${MOST} MB can be read.`)
  }
  try {
    return await createImageBitmap(file)
  } catch {
    throw new Error(`${file.name} cannot be read as a picture. Choose a JPEG, PNG or WebP file.`)
  }
}

// A picture whose longer side has at most so many pixels.
export function inside(picture, side) {
  const scale = Math.min(1, side / Math.max(picture.width, picture.height))
  return scaled(picture, scale)
}

// A picture whose shorter side has so many pixels.
export function shorter(picture, side) {
  return scaled(picture, side / Math.min(picture.width, picture.height), LONGEST * side)
}

function scaled(picture, scale, longest = Infinity) {
  const size = (n) => Math.max(1, Math.round(n * scale))
  const [width, height] = [size(picture.width), size(picture.height)]
  let from = picture
  // browsers look at few pixels when they make a picture much smaller: by halves they see all
  for (let n = 0.5; n > scale; n /= 2) {
    from = onCanvas(from, Math.ceil(picture.width * n), Math.ceil(picture.height * n))
  }
  const canvas = onCanvas(from, width, height)
  const [w, h] = [Math.min(width, longest), Math.min(height, longest)]
  const place = [Math.floor((width - w) / 2), Math.floor((height - h) / 2)]
  const { data } = canvas.getContext("2d").getImageData(...place, w, h)
  const pixels = new Uint8Array(3 * w * h)
  for (let i = 0, j = 0; j < pixels.length; i += 4, j += 3) {
    pixels[j] = data[i]
    pixels[j + 1] = data[i + 1]
    pixels[j + 2] = data[i + 2]
  }
  return { pixels, height: h, width: w }
}

function onCanvas(picture, width, height) {
  const canvas = Object.assign(document.createElement("canvas"), { width, height })
  const context = canvas.getContext("2d", { willReadFrequently: true })
  context.fillStyle = "white" // behind what is transparent
  context.fillRect(0, 0, width, height)
  context.imageSmoothingQuality = "high"
  context.drawImage(picture, 0, 0, width, height)
  return canvas
}

// Puts pixels on a canvas, which gets their size.
export function drawn(canvas, { pixels, height, width }) {
  const data = new Uint8ClampedArray(4 * width * height).fill(255)
  for (let i = 0, j = 0; j < pixels.length; i += 4, j += 3) {
    data[i] = pixels[j]
    data[i + 1] = pixels[j + 1]
    data[i + 2] = pixels[j + 2]
  }
  Object.assign(canvas, { width, height })
  canvas.getContext("2d").putImageData(new ImageData(data, width, height), 0, 0)
}
