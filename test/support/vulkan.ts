import { existsSync } from 'node:fs'

/** Drivers that compute on the CPU: Chromium's SwiftShader, and Mesa's lavapipe from 25 on. */
const SOFTWARE_DRIVERS = ['/usr/lib/chromium/vk_swiftshader_icd.json', '/usr/share/vulkan/icd.d/lvp_icd.json']

/** The variables under which an engine's child finds a Vulkan driver here: the one that is set, else a software one. */
export function vulkanEnvironment(): Record<string, string> {
  const chosen = process.env.VK_DRIVER_FILES ?? process.env.VK_ICD_FILENAMES ?? SOFTWARE_DRIVERS.find(existsSync)
  return chosen === undefined ? {} : { VK_ICD_FILENAMES: chosen }
}
