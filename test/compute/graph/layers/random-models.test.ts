import { test } from 'uvu'
import { seededRandom } from '../../../../runtime/base/index.ts'
import { soakGradients } from '../../../soak/gradients.ts'

test('the gradients of 40 models at random are those of finite differences', () => soakGradients(40, seededRandom(5)))

test.run()
